"""Between the models and the resources, and who is let in."""

import os
from types import SimpleNamespace

from django.http import HttpResponse
from django_scim.adapters import SCIMGroup, SCIMUser
from django_scim.constants import SchemaURI

from tests.services.scim_django.models import Crowd, Person

PLAIN = {"title": "title", "userType": "user_type"}
PHONE = ("phoneNumbers", "type", None)
DEPARTMENT = ("department", None, SchemaURI.ENTERPRISE_USER)


class PersonAdapter(SCIMUser):
    ATTR_MAP = {  # noqa: RUF012 - the library's way
        **SCIMUser.ATTR_MAP,
        **{(name, None, None): field for name, field in PLAIN.items()},
        DEPARTMENT: "department",
        PHONE: "phone",
    }

    def to_dict(self):
        found = super().to_dict()
        found["schemas"].append(SchemaURI.ENTERPRISE_USER)
        found |= {name: getattr(self.obj, field) for name, field in PLAIN.items()}
        found[SchemaURI.ENTERPRISE_USER] = {"department": self.obj.department}
        found["phoneNumbers"] = (
            [{"type": "work", "value": self.obj.phone}] if self.obj.phone else []
        )
        return found

    def from_dict(self, given):
        super().from_dict(given)
        for name, field in PLAIN.items():
            setattr(self.obj, field, given.get(name) or "")
        self.obj.department = given.get(SchemaURI.ENTERPRISE_USER, {}).get("department") or ""
        self.obj.phone = next((each["value"] for each in given.get("phoneNumbers", ())), "")

    def handle_add(self, path, value, operation):
        self.handle_replace(path, value, operation)

    def handle_remove(self, path, value, operation):
        name = path.first_path
        field = "phone" if name[0] == PHONE[0] else self.ATTR_MAP[name]
        setattr(self.obj, field, "")
        self.save()

    @classmethod
    def resource_type_dict(cls, request=None):
        extension = {"schema": SchemaURI.ENTERPRISE_USER, "required": False}
        return {**super().resource_type_dict(request), "schemaExtensions": [extension]}


class CrowdAdapter(SCIMGroup):
    pass


class LetIn:
    """Lets in whoever has the token; answers what only the tests ask."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        token = f"Bearer {os.environ['SCIM_TOKEN']}"
        is_known = request.headers.get("Authorization") == token
        request.user = SimpleNamespace(is_authenticated=is_known)
        if is_known and request.path == "/empty":
            Person.objects.all().delete()
            Crowd.objects.all().delete()
            return HttpResponse(status=204)
        return self.get_response(request)
