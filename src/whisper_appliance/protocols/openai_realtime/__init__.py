"""OpenAI's realtime transcription: sessions over WebSocket and WebRTC, client secrets, translations.

How turns map to live sessions: a connection has one live session at a time, whose recording and transcript
are kept as those of the live page. An item of OpenAI's conversation is a stretch of it:

- server VAD: an utterance is an item; semantic VAD: utterances up to the end of a sentence, or a long pause;
  no VAD: what lies between two commits, whatever pauses it has.
- `input_audio_buffer.commit` flushes the live session, which ends the item there.
- Words that the live session commits become deltas at once, so deltas are never restated. Once all words of
  an item are committed, `completed` joins them; its transcript is what the deltas say. (The refined
  paragraphs of the live session come later; they are in the transcript that is kept.)
- An update that the live session cannot follow (model, language, hints, turn detection) ends it, and the next
  audio begins another one. So does audio after a live session has ended by itself.

The id of an item is `item_<id of the live session>_<number>`; the first is also the id of the transcript.
"""
