"""The container of all parts, and the services that join several packages. No Flask."""
