"""What the Flask metrics do with one call of a view that a user decorated."""

from __future__ import annotations

import functools
import inspect
from time import perf_counter
from typing import Any, Callable, Optional, Type, TypeVar

from flask import Response, current_app, make_response, request
from flask.views import MethodView

from .flask_request import Labels, complain, quietly
from .metrics import MetricWrapperBase

F = TypeVar("F", bound=Callable[..., Any])


class Tracked:
    """What a decorator does with its metric."""

    def __init__(
        self,
        metric_type: Type[MetricWrapperBase],
        after: Callable[[Any, float], None],
        before: Optional[Callable[[Any], None]] = None,
    ) -> None:
        self.metric_type = metric_type
        self.after = after
        self.before = before


class ViewMetric:
    """A metric that measures the views it decorates.

    convert: makes a response of what a view returned.
    is_excluded: whether the current request is not measured.
    """

    def __init__(
        self,
        tracked: Tracked,
        metric: Any,
        labels: Labels,
        convert: Callable[[Any], Any],
        is_excluded: Callable[[], bool],
    ) -> None:
        self._before = tracked.before
        self._after = tracked.after
        self._metric = metric
        self._labels = labels
        self._convert = convert
        self._is_excluded = is_excluded

    def __call__(self, f: F) -> F:
        @functools.wraps(f)
        def tracked_view(*args: Any, **kwargs: Any) -> Any:
            if self._is_excluded():
                return current_app.ensure_sync(f)(*args, **kwargs)
            return self._call(f, args, kwargs)

        return tracked_view  # type: ignore[return-value]

    def _call(self, f: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        before = self._before
        running = None
        if before is not None:
            running = quietly(self._labels.child, self._metric, None)
            if running is not None:
                before(running)
        started = perf_counter()
        exception: Optional[Exception] = None
        try:
            try:
                response = current_app.ensure_sync(f)(*args, **kwargs)
            except Exception as error:
                # The application may make a response of it.
                response = current_app.handle_user_exception(error)
        except Exception as error:
            exception = error
            response = make_response(f"Exception: {error}", 500)
        except BaseException:
            # The worker is stopped or the client is gone: nothing is in progress any more.
            if running is not None:
                self._after(running, 0.0)
            raise
        seconds = perf_counter() - started
        if running is not None:
            self._after(running, seconds)
        elif before is None and not hasattr(request, "prom_exclude_all"):
            response = self._as_response(response, f)
            metric = quietly(self._labels.child, self._metric, response)
            if metric is not None:
                self._after(metric, seconds)
        if exception is None:
            return response
        try:
            # Flask's handler raises again what is active.
            raise exception
        except Exception as error:
            return current_app.handle_user_exception(error)

    def _as_response(self, response: Any, f: Callable[..., Any]) -> Any:
        """A response that label functions can look at, if ``f`` is what Flask calls: what an
        inner function returns is for its caller alone."""
        if isinstance(response, Response) or not request.endpoint:
            return response
        view: Any = current_app.view_functions.get(request.endpoint)
        while view is not None and view is not f:
            inner = getattr(view, "__wrapped__", None)
            if inner is None:
                break
            view = inner
        view_class = getattr(view, "view_class", None)
        is_method_view = isinstance(view_class, type) and issubclass(view_class, MethodView)
        if view is not f and not is_method_view:
            return response
        try:
            return self._convert(response)
        except Exception as error:
            # Flask will say the same of it, to the one who wrote the view.
            complain(error)
            return response


def marks(attribute: str) -> Callable[[F], F]:
    """A decorator that marks the requests that a view answers."""

    def decorator(f: F) -> F:
        is_async = inspect.iscoroutinefunction(f)

        @functools.wraps(f)
        def marking_view(*args: Any, **kwargs: Any) -> Any:
            setattr(request, attribute, True)
            # Flask sees this function, and does not know that the other is one to wait for.
            view = current_app.ensure_sync(f) if is_async else f
            return view(*args, **kwargs)

        return marking_view  # type: ignore[return-value]

    return decorator
