"""What uses scim2-models: the schemas, the syntax of filters and paths, and patches.

Import this package only after `library.load_library`: modules outside of it import from it inside functions.
Lists and single resources are built without the library, as plain objects: a model takes a tenth of a millisecond to
validate and to write, which a list of a hundred users would wait for.
"""

from fastback.features.scim.standard import filters, patches, requests, schemas

__all__ = ["IS_LOADED", "filters", "patches", "requests", "schemas"]

#: The last name of this module: where it exists, the import has finished.
IS_LOADED = True
