"""A Django project with django-scim2: the second service that the SCIM connector is tried against.

Views, filters, pages and the reading of PATCH are the library's. Ours are the models behind it and,
as the library wants it, the adapters between these and the resources. It differs from scim2-server
in what it can: PATCH as Microsoft Entra writes it, no versions, hardly any filters, and a
``meta.lastModified`` that never changes.
"""
