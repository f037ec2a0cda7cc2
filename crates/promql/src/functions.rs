//! The functions: name, arguments, result. What they compute is in [`crate::eval`].

use crate::ast::ValueType;
use crate::ast::ValueType::{Matrix, Scalar, String, Vector};

/// A function's signature.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// The types of the arguments.
    pub(crate) args: &'static [ValueType],
    pub(crate) arity: Arity,
    pub(crate) returns: ValueType,
}

/// How many arguments a function takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arity {
    /// Every argument must stand.
    Fixed,
    /// The last argument may be left out.
    LastOptional,
    /// The last argument may be left out or repeated.
    LastRepeats,
    /// The last argument must stand at least once.
    LastRepeatsOnce,
}

impl Function {
    pub(crate) fn args_min(&self) -> usize {
        match self.arity {
            Arity::Fixed | Arity::LastRepeatsOnce => self.args.len(),
            Arity::LastOptional | Arity::LastRepeats => self.args.len() - 1,
        }
    }

    /// `None`: any number.
    pub(crate) fn args_max(&self) -> Option<usize> {
        match self.arity {
            Arity::Fixed | Arity::LastOptional => Some(self.args.len()),
            Arity::LastRepeats | Arity::LastRepeatsOnce => None,
        }
    }

    /// The type of the argument at this index.
    pub(crate) fn arg_type(&self, index: usize) -> ValueType {
        self.args[index.min(self.args.len() - 1)]
    }
}

/// The function of this name; names are case-sensitive.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS
        .binary_search_by_key(&name, |function| function.name)
        .ok()
        .map(|index| &FUNCTIONS[index])
}

/// Functions that stand behind Prometheus's feature flag and that this engine lacks.
pub(crate) const EXPERIMENTAL: [&str; 1] = ["info"];

const fn fixed(name: &'static str, args: &'static [ValueType], returns: ValueType) -> Function {
    Function {
        name,
        args,
        arity: Arity::Fixed,
        returns,
    }
}

const fn variadic(
    name: &'static str,
    args: &'static [ValueType],
    arity: Arity,
    returns: ValueType,
) -> Function {
    Function {
        name,
        args,
        arity,
        returns,
    }
}

/// Sorted by name.
static FUNCTIONS: &[Function] = &[
    fixed("abs", &[Vector], Vector),
    fixed("absent", &[Vector], Vector),
    fixed("absent_over_time", &[Matrix], Vector),
    fixed("acos", &[Vector], Vector),
    fixed("acosh", &[Vector], Vector),
    fixed("asin", &[Vector], Vector),
    fixed("asinh", &[Vector], Vector),
    fixed("atan", &[Vector], Vector),
    fixed("atanh", &[Vector], Vector),
    fixed("avg_over_time", &[Matrix], Vector),
    fixed("ceil", &[Vector], Vector),
    fixed("changes", &[Matrix], Vector),
    fixed("clamp", &[Vector, Scalar, Scalar], Vector),
    fixed("clamp_max", &[Vector, Scalar], Vector),
    fixed("clamp_min", &[Vector, Scalar], Vector),
    fixed("cos", &[Vector], Vector),
    fixed("cosh", &[Vector], Vector),
    fixed("count_over_time", &[Matrix], Vector),
    variadic("day_of_month", &[Vector], Arity::LastOptional, Vector),
    variadic("day_of_week", &[Vector], Arity::LastOptional, Vector),
    variadic("day_of_year", &[Vector], Arity::LastOptional, Vector),
    variadic("days_in_month", &[Vector], Arity::LastOptional, Vector),
    fixed("deg", &[Vector], Vector),
    fixed("delta", &[Matrix], Vector),
    fixed("deriv", &[Matrix], Vector),
    fixed(
        "double_exponential_smoothing",
        &[Matrix, Scalar, Scalar],
        Vector,
    ),
    fixed("end", &[], Scalar),
    fixed("exp", &[Vector], Vector),
    fixed("first_over_time", &[Matrix], Vector),
    fixed("floor", &[Vector], Vector),
    fixed("histogram_avg", &[Vector], Vector),
    fixed("histogram_count", &[Vector], Vector),
    fixed("histogram_fraction", &[Scalar, Scalar, Vector], Vector),
    fixed("histogram_quantile", &[Scalar, Vector], Vector),
    variadic(
        "histogram_quantiles",
        &[Vector, String, Scalar],
        Arity::LastRepeatsOnce,
        Vector,
    ),
    fixed("histogram_stddev", &[Vector], Vector),
    fixed("histogram_stdvar", &[Vector], Vector),
    fixed("histogram_sum", &[Vector], Vector),
    variadic("hour", &[Vector], Arity::LastOptional, Vector),
    fixed("idelta", &[Matrix], Vector),
    fixed("increase", &[Matrix], Vector),
    fixed("irate", &[Matrix], Vector),
    variadic(
        "label_join",
        &[Vector, String, String, String],
        Arity::LastRepeats,
        Vector,
    ),
    fixed(
        "label_replace",
        &[Vector, String, String, String, String],
        Vector,
    ),
    fixed("last_over_time", &[Matrix], Vector),
    fixed("ln", &[Vector], Vector),
    fixed("log10", &[Vector], Vector),
    fixed("log2", &[Vector], Vector),
    fixed("mad_over_time", &[Matrix], Vector),
    fixed("max_of", &[Scalar, Scalar], Scalar),
    fixed("max_over_time", &[Matrix], Vector),
    fixed("min_of", &[Scalar, Scalar], Scalar),
    fixed("min_over_time", &[Matrix], Vector),
    variadic("minute", &[Vector], Arity::LastOptional, Vector),
    variadic("month", &[Vector], Arity::LastOptional, Vector),
    fixed("pi", &[], Scalar),
    fixed("predict_linear", &[Matrix, Scalar], Vector),
    fixed("present_over_time", &[Matrix], Vector),
    fixed("quantile_over_time", &[Scalar, Matrix], Vector),
    fixed("rad", &[Vector], Vector),
    fixed("range", &[], Scalar),
    fixed("rate", &[Matrix], Vector),
    fixed("resets", &[Matrix], Vector),
    variadic("round", &[Vector, Scalar], Arity::LastOptional, Vector),
    fixed("scalar", &[Vector], Scalar),
    fixed("sgn", &[Vector], Vector),
    fixed("sin", &[Vector], Vector),
    fixed("sinh", &[Vector], Vector),
    fixed("sort", &[Vector], Vector),
    variadic(
        "sort_by_label",
        &[Vector, String],
        Arity::LastRepeats,
        Vector,
    ),
    variadic(
        "sort_by_label_desc",
        &[Vector, String],
        Arity::LastRepeats,
        Vector,
    ),
    fixed("sort_desc", &[Vector], Vector),
    fixed("sqrt", &[Vector], Vector),
    fixed("start", &[], Scalar),
    fixed("stddev_over_time", &[Matrix], Vector),
    fixed("stdvar_over_time", &[Matrix], Vector),
    fixed("step", &[], Scalar),
    fixed("sum_over_time", &[Matrix], Vector),
    fixed("tan", &[Vector], Vector),
    fixed("tanh", &[Vector], Vector),
    fixed("time", &[], Scalar),
    fixed("timestamp", &[Vector], Vector),
    fixed("ts_of_first_over_time", &[Matrix], Vector),
    fixed("ts_of_last_over_time", &[Matrix], Vector),
    fixed("ts_of_max_over_time", &[Matrix], Vector),
    fixed("ts_of_min_over_time", &[Matrix], Vector),
    fixed("vector", &[Scalar], Vector),
    variadic("year", &[Vector], Arity::LastOptional, Vector),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_found_by_its_name() {
        for function in FUNCTIONS {
            assert_eq!(
                find(function.name).map(|found| found.name),
                Some(function.name)
            );
        }
        assert!(find("Rate").is_none());
    }
}
