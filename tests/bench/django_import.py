"""django-import-export on the same file at its fastest: bulk writes, no diffs, and who exists
already looked up for the whole file at once. It writes the table that COPY writes. Run in a venv
of its own, which has Django; see `importing`.
"""

# mypy: ignore-errors
# What it imports is not among our requirements.

import json
import os
import sys
import time
from pathlib import Path
from uuid import uuid4

import django
from django.conf import settings

URL = os.environ["BENCH_URL"]


def main(path: str) -> None:
    from urllib.parse import parse_qs, urlsplit

    parts = urlsplit(URL)
    # The folder of a socket stands in the query.
    host = parts.hostname or parse_qs(parts.query).get("host", [""])[0]
    settings.configure(
        INSTALLED_APPS=["import_export"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": parts.path.lstrip("/"),
                "USER": parts.username,
                "PASSWORD": parts.password or "",
                "HOST": host,
                "PORT": parts.port or "",
                "OPTIONS": {},
            }
        },
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    django.setup()
    from django.db import models
    from import_export import fields, resources
    from import_export.instance_loaders import CachedInstanceLoader
    from tablib import Dataset

    class Listed(models.Model):
        id = models.UUIDField(primary_key=True, default=uuid4)
        name = models.TextField()
        phone = models.TextField()
        email = models.TextField()
        profile_type = models.TextField()

        class Meta:
            app_label = "bench"
            db_table = "listed"
            managed = False

    class ListedResource(resources.ModelResource):
        profile_type = fields.Field(attribute="profile_type", column_name="profileType")

        class Meta:
            model = Listed
            import_id_fields = ("phone",)
            fields = ("name", "phone", "email", "profile_type")
            use_bulk = True
            batch_size = 5000
            skip_diff = True
            skip_html_diff = True
            instance_loader_class = CachedInstanceLoader
            use_transactions = True

    started = time.perf_counter()
    text = Path(path).read_bytes().decode("cp1252")
    dataset = Dataset().load(text, format="csv", delimiter=";")
    judged = ListedResource().import_data(dataset, dry_run=True)
    assert not judged.has_errors(), judged.base_errors
    middle = time.perf_counter()
    written = ListedResource().import_data(dataset, dry_run=False)
    assert not written.has_errors()
    ended = time.perf_counter()
    assert Listed.objects.count() == len(dataset)
    told = {"seconds": ended - started, "dry_run": middle - started, "rows": len(dataset)}
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1])
