"""A certificate authority of the tests' own, and certificates of it for loopback, good ones and others."""

from pathlib import Path

from . import processes

_NEW = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Authority:
    """`ca` is what a client has to trust."""

    def __init__(self, work):
        self.work = Path(work)
        self.work.mkdir(parents=True, exist_ok=True)
        self.ca, self._key = self.work / "ca.pem", self.work / "ca.key"
        self._openssl("req", "-x509", *_NEW, "-keyout", self._key, "-out", self.ca, "-days", "2", "-subj", "/CN=zarrfs test CA")

    def issue(self, name, hosts="DNS:localhost,IP:127.0.0.1", days=2):
        """(certificate, key), in files called after `name`. `days` -1: it ended yesterday."""
        certificate, key, request = (self.work / f"{name}.{kind}" for kind in ("pem", "key", "csr"))
        extensions = self.work / f"{name}.names"
        extensions.write_text(f"subjectAltName={hosts}\n")
        self._openssl("req", *_NEW, "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        self._openssl(
            *("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self._key, "-CAcreateserial"),
            *("-days", str(days), "-extfile", extensions, "-out", certificate),
        )
        return certificate, key

    def _openssl(self, *words):
        processes.run(["openssl", *words], env=processes.environment(self.work))
