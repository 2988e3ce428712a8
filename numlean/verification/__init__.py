"""Emulated arithmetic held to the hardware's, by the hundred million."""

from numlean.verification.hardware import OPERATIONS, Outcome, verify_operation

__all__ = ["OPERATIONS", "Outcome", "verify_operation"]
