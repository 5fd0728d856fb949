"""Pages for people, with their templates, scripts and styles. `blueprints` are their routes."""

from whisper_appliance.pages import (
    api_docs,
    captions,
    certificate,
    confirm_email,
    connect,
    first_steps,
    installed_app,
    join,
    setup,
    sign_in,
    single_sign_on,
    views,
)

blueprints = (
    views.blueprint,
    installed_app.blueprint,
    captions.blueprint,
    certificate.blueprint,
    connect.blueprint,
    sign_in.blueprint,
    single_sign_on.blueprint,
    setup.blueprint,
    first_steps.blueprint,
    confirm_email.blueprint,
    join.blueprint,
    api_docs.blueprint,
)
