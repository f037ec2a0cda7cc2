"""A Django project for the tests: its settings, once for the whole process, and some URLs."""

from __future__ import annotations

import atexit
import sys
import tempfile
import types
from typing import Any

import django
from django.conf import settings
from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import include, path, re_path

_FOLDER = tempfile.TemporaryDirectory(prefix="django-shop-")
atexit.register(_FOLDER.cleanup)

CONTRIB = [f"django.contrib.{name}" for name in ("auth", "contenttypes", "sessions", "messages")]
# What the admin's pages and translated routes want.
DJANGO_MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]


def configure() -> None:
    """Sets Django up, at the first call."""
    if settings.configured:
        return
    processors = ["request", "i18n"]
    settings.configure(
        ROOT_URLCONF="shop_urls",
        SECRET_KEY="of no use",
        ALLOWED_HOSTS=["*"],
        MIDDLEWARE=DJANGO_MIDDLEWARE,
        DEBUG=False,
        USE_TZ=True,
        STATIC_URL="/static/",
        INSTALLED_APPS=["django.contrib.admin", *CONTRIB],
        LANGUAGE_CODE="en",
        LANGUAGES=[("en", "English"), ("de", "Deutsch")],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{_FOLDER.name}/shop.db"}
        },
        CACHES={
            "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
            "files": {
                "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
                "LOCATION": f"{_FOLDER.name}/cache",
            },
        },
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        *(f"django.template.context_processors.{name}" for name in processors),
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
    )
    django.setup()
    urls.urlpatterns = urlpatterns()  # type: ignore[attr-defined]


def index(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


async def asynchronous(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


def item(request: HttpRequest, number: int) -> HttpResponse:
    return HttpResponse(str(number))


def broken(request: HttpRequest) -> HttpResponse:
    raise ValueError("on purpose")


async def broken_asynchronous(request: HttpRequest) -> HttpResponse:
    raise KeyError("on purpose")


def missing(request: HttpRequest) -> HttpResponse:
    raise Http404("on purpose")


def unavailable(request: HttpRequest) -> HttpResponse:
    return HttpResponse("no", status=503)


def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(iter([b"part"] * 3))


def cart(request: HttpRequest, tenant: str, number: str) -> HttpResponse:
    return HttpResponse(number)


def count(request: HttpRequest) -> HttpResponse:
    from django.contrib.auth.models import Group

    return HttpResponse(str(Group.objects.count()))


async def count_asynchronous(request: HttpRequest) -> HttpResponse:
    from django.contrib.auth.models import Group
    from django.core.cache import cache

    await cache.aset("count", await Group.objects.acount())
    return HttpResponse(str(await cache.aget("count")))


def urlpatterns() -> list[Any]:
    return [
        path("", index),
        path("async", asynchronous),
        path("item/<int:number>", item),
        path("broken", broken),
        path("broken-async", broken_asynchronous),
        path("missing", missing),
        path("unavailable", unavailable),
        path("stream", stream),
        path("count", count),
        path("count-async", count_asynchronous),
        path("shop/<tenant>/", include([re_path(r"^cart/(?P<number>[0-9]+)$", cart)])),
        path("old/", include(([path("item/<int:number>", item, name="item")], "shop"), "old")),
        path("new/", include(([path("item/<int:number>", item, name="item")], "shop"), "new")),
        path("admin/", admin.site.urls),
        *i18n_patterns(path("greeting", index)),
    ]


urls = types.ModuleType("shop_urls")
sys.modules["shop_urls"] = urls


def broken_before(get_response: Any) -> Any:
    """A middleware that fails before the view."""

    def middleware(request: HttpRequest) -> HttpResponse:
        raise RuntimeError("on purpose")

    return middleware


def broken_after(get_response: Any) -> Any:
    """A middleware that fails after the view."""

    def middleware(request: HttpRequest) -> HttpResponse:
        get_response(request)
        raise LookupError("on purpose")

    return middleware
