"""People and groups, with what the contract of the connectors needs of them."""

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models
from django_scim.models import AbstractSCIMGroupMixin, AbstractSCIMUserMixin


class Crowd(AbstractSCIMGroupMixin):
    name = models.CharField(max_length=100, unique=True)


class Person(AbstractSCIMUserMixin, AbstractBaseUser):
    USERNAME_FIELD = "username"

    username = models.CharField(max_length=100, unique=True)
    first_name = models.CharField(max_length=100, default="")
    last_name = models.CharField(max_length=100, default="")
    email = models.CharField(max_length=100, default="")
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(auto_now_add=True)
    title = models.CharField(max_length=100, default="")
    user_type = models.CharField(max_length=100, default="")
    department = models.CharField(max_length=100, default="")
    phone = models.CharField(max_length=100, default="")
    crowds = models.ManyToManyField(Crowd, related_name="user_set")

    @property
    def scim_groups(self):
        return self.crowds
