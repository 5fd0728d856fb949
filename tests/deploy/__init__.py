"""Tests of deploying: what a release contains, and the files that install and run it."""
