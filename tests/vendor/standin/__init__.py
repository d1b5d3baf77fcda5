# SPDX-License-Identifier: Apache-2.0
"""The stand-in vendor: an HTTPS server that judges requests as the vendors' documents say."""
