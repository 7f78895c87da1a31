"""Authorities and certificates for the tests, made by the openssl command in a directory of the test's own."""
import os
import subprocess

CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def openssl(*arguments, **options):
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"openssl {' '.join(arguments)}: {done.stderr}")
    return done.stdout


class Authority:
    """Signs certificates; `pem` is whom others have to trust."""

    def __init__(self, directory, name):
        self.directory = directory
        self.name = name
        self.pem, self.key = (os.path.join(directory, name + end) for end in (".pem", ".key"))
        openssl("req", "-x509", *CURVE, "-keyout", self.key, "-out", self.pem, "-days", "30", "-subj", f"/CN={name}")

    def issue(self, name, days=30, addresses="IP:127.0.0.1,IP:0:0:0:0:0:0:0:1,DNS:localhost"):
        """The paths of a new certificate and its key; a negative number of days makes one that has expired."""
        pem, key, request, extension = (os.path.join(self.directory, f"{self.name}-{name}{end}")
                                        for end in (".pem", ".key", ".csr", ".ext"))
        with open(extension, "w", encoding="ascii") as file:
            file.write(f"subjectAltName={addresses}\n")
        openssl("req", *CURVE, "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", request, "-CA", self.pem, "-CAkey", self.key, "-set_serial",
                str(int.from_bytes(os.urandom(8), "big")), "-days", str(days), "-extfile", extension, "-out", pem)
        return pem, key
