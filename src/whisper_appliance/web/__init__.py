"""The only room that knows Flask: pages for people, an API for programs."""
