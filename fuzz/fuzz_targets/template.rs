#![no_main]

use diagnosis::template::{EXPANDED_BYTES_MAX, Template, TemplateData, TemplateSample};
use libfuzzer_sys::fuzz_target;
use model::Labels;

fuzz_target!(|text: &str| {
    let Ok(template) = Template::parse(text) else {
        return;
    };
    let labels = Labels::new([("job", "{{ $value }}"), ("instance", "h:1")]).expect("two names");
    let found = |_: &str| {
        Ok(vec![TemplateSample {
            labels: Labels::empty(),
            value: f64::NAN,
        }])
    };
    let data = TemplateData {
        query: Some(&found),
        external_url: "http://h/p",
        ..TemplateData::new(&labels, &labels, 1.5)
    };
    if let Ok(expanded) = template.expand(&data) {
        // The last piece may go beyond the limit, and no piece is larger than the text itself.
        assert!(expanded.len() <= 2 * EXPANDED_BYTES_MAX + text.len());
    }
});
