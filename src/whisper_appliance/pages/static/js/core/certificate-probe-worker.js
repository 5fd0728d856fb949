// A service worker that does nothing; certificate-trust.js tries to start it.
