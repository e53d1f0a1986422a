# SPDX-License-Identifier: MIT
"""The real servers of the system tests, one module each.

Every server runs in the foreground as a child of the test, in a directory of
its own, on loopback ports and unix sockets that nobody else uses. The fixtures
in conftest.py hand them out and take them down."""
