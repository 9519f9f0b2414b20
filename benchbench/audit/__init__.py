"""Audits: the methods of another library beside ours."""

from .run_audit import LIBRARIES as LIBRARIES
from .run_audit import audit as audit
