"""The native JSON API: one module for each resource. `blueprints` are its routes."""

from whisper_appliance.api.native import (
    account,
    imports,
    job_stream,
    jobs,
    library,
    models,
    presets,
    recordings,
    resumable_uploads,
    shared,
    shares,
    status,
    transcribe,
    transcript_list,
    transcripts,
    webhooks,
)

blueprints = (
    transcribe.blueprint,
    resumable_uploads.blueprint,
    jobs.blueprint,
    job_stream.blueprint,
    transcript_list.blueprint,
    library.blueprint,
    transcripts.blueprint,
    recordings.blueprint,
    imports.blueprint,
    models.blueprint,
    status.blueprint,
    account.blueprint,
    presets.blueprint,
    shares.blueprint,
    shared.blueprint,
    webhooks.blueprint,
)
