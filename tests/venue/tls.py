"""A small certificate authority for the local venue. Its key stays where its certificate is, so
that a restarted venue is still trusted by those who read the certificate before."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import trustme


def authority(directory: Path) -> trustme.CA:
    """The authority kept in `directory` (ca.pem, ca.key), made there if there is none."""
    cert, key = directory / "ca.pem", directory / "ca.key"
    if cert.exists() and key.exists():
        return trustme.CA.from_pem(cert.read_bytes(), key.read_bytes())
    directory.mkdir(parents=True, exist_ok=True)
    ca = trustme.CA(organization_name="P9 local venue")
    descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(ca.private_key_pem.bytes())
    cert.write_bytes(ca.cert_pem.bytes())
    (directory / ".gitignore").write_text("*\n")
    return ca


def server_context(ca: trustme.CA, host: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(host, "localhost").configure_cert(context)
    return context
