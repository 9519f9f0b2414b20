"""Audits: the methods of another library beside ours."""

from .run_audit import audit as audit
