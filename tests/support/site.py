# SPDX-License-Identifier: Apache-2.0
"""site - a whole site on loopback: vendor, name server, credentials, policy, router, shims

    site = Site(folder, build)
    site.add_key("key-1", hosts=["127.1.0.1"])        # at the vendor, in the policy, on disk
    site.add_backend("secret-1")
    site.add_group("desks", ["127.1.0.0/24"])
    router = site.start_router()                       # applies the policy; all its slots are live
    shim = site.start_shim("127.1.0.1")

Every value of a configuration can be replaced: start_router(policy=text, settings={...}). What is
applied later goes by the control socket: site.apply(router).
"""
import os
import pathlib
import shutil
import tempfile

from support import REPOSITORY, canary
from support.administrator import Administrator, program_find
from support.ca import Authority, client_context
from support.cfg import cfg_format
from support.dns import NameServer
from support.process import Process
from support.rawclient import RawClient, request_format
from support.vendor import Vendor

ROUTER_NAME = "router.site.test"
PROVIDER = REPOSITORY / "policy" / "providers" / "smarty.cfg"

HOSTS = {  # API -> host, as the vendor's SDKs call them
    "us-street": "us-street.api.smarty.com",
    "us-zipcode": "us-zipcode.api.smarty.com",
    "us-autocomplete-pro": "us-autocomplete-pro.api.smarty.com",
    "us-extract": "us-extract.api.smarty.com",
    "international-street": "international-street.api.smarty.com",
    "us-enrichment": "us-enrichment.api.smarty.com",
    "us-reverse-geo": "us-reverse-geo.api.smarty.com",
}


class Site:
    def __init__(self, folder, build, authority=None, vendors=None):
        """vendors: a VendorPool to take one from; its own vendor otherwise."""
        self.folder = pathlib.Path(folder)
        self.build = pathlib.Path(build)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.credentials = self.folder / "credentials"
        self.credentials.mkdir(mode=0o700)
        self.authority = authority or Authority(self.folder / "site-ca")
        self.vendor = vendors.take() if vendors else Vendor(self.folder / "vendor")
        self._vendors = vendors
        self.dns = NameServer()
        self.processes = []
        self.provider = self.folder / "smarty.cfg"
        self.policy_path = self.folder / "policy.cfg"
        self.ledger = self.folder / "ledger.db"
        self.propagation_s = 0
        self.keys, self.backends, self.groups = [], [], []
        self.sockets = pathlib.Path(tempfile.mkdtemp(prefix="kr-"))  # their paths are short
        self.policy_rest = {}  # further settings of the policy: origins, unknown, ...
        self._n_shims = 0
        self.write_provider()
        for host in HOSTS.values():
            self.dns.set(host, "127.0.0.1")

    # ---- files

    def write_provider(self, text=None):
        """The shipped definition, with the port of the stand-in vendor; what is confirmed works."""
        shipped = PROVIDER.read_text() if text is None else text
        shipped = shipped.replace("propagation_s = 600;", f"propagation_s = {self.propagation_s};")
        self.provider.write_text(f"port = {self.vendor.port};\n{shipped}")

    def write_credential(self, name, fields, mode=0o600):
        path = self.credentials / name
        fresh = self.folder / f"{name}.new"  # in one step: a router may be reading it just now
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as f:
            f.writelines(f"{field}={value}\n" for field, value in fields.items())
        fresh.chmod(mode)
        return fresh.rename(path)

    def write_policy(self, text=None):
        self.policy_path.write_text(self.policy_text() if text is None else text)
        return self.policy_path

    def policy_text(self):
        return cfg_format({
            "site": "test", "providers": [str(self.provider)], "keys": self.keys,
            "backends": self.backends, "groups": self.groups, **self.policy_rest})

    # ---- parts of the policy, known to the vendor and on disk

    def add_key(self, name, hosts=(), settings=None, **options):
        key = self.vendor.add_embedded(name, hosts, **options)
        self.write_credential(name, key.values)
        self.keys.append({"name": name, "provider": "smarty", "credential": name,
                          **(settings or {})})
        return key

    def add_backend(self, name, settings=None, **options):
        key = self.vendor.add_secret(name, **options)
        self.write_credential(name, key.values)
        self.backends.append({"name": name, "provider": "smarty", "credential": name,
                              **(settings or {})})
        return key

    def add_group(self, name, workstations, keys=None, backends=None, **settings):
        """All keys and the first backend unless told."""
        names = [k["name"] for k in self.keys] if keys is None else keys
        behind = [b["name"] for b in self.backends[:1]] if backends is None else backends
        group = {"name": name, "workstations": list(workstations), "egress": "transparent",
                 "keys": names, "backends": behind, **settings}
        self.groups.append({k: v for k, v in group.items() if v not in ([], None)})

    # ---- programs

    def _start(self, name, program, config, **options):
        """options: before (words in front of the program, which has to replace itself by it), argv
        (further words), environment (further variables)."""
        argv = [*options.get("before", ()), program_find(self.build, program),
                *options.get("argv", ()), "-c", config]
        process = Process(name, argv, self.folder, options.get("environment"))
        self.processes.append(process)
        return process

    def router_settings(self):
        certificate, key = self.authority.issue(ROUTER_NAME, "127.0.0.1", "localhost")
        return {
            "policy": str(self.policy_path), "ledger": str(self.ledger),
            "control": str(self.sockets / "control"), "listen": ["127.0.0.1:0"],
            "certificate": str(certificate), "private_key": str(key),
            "credentials": str(self.credentials), "vendor_ca": str(self.vendor.ca),
            "system_ca": False, "workers": 2, "resolver": {"servers": [self.dns.address]},
            "log_level": "debug",
        }

    def start_router(self, settings=None, policy=None, name="keyrouterd", ready=True, apply=True,
                     live=True, **options):
        """settings replace those of router_settings(), None takes one out; ready=False: no wait.

        The policy is applied before; live: what it wants at the vendor is confirmed, too.
        """
        self.write_policy(policy)
        if apply:
            self.prepare(live)
        config = self.folder / f"{name}.cfg"
        config.write_text(cfg_format({**self.router_settings(), **(settings or {})}))
        router = self._start(name, "keyrouterd", config, **options)
        if ready:
            router.wait_ready()
        return router

    @property
    def administrator(self):
        providers = self.policy_rest.get("providers", [self.provider])
        return Administrator(self.build, self.policy_path, providers, self.ledger,
                             self.sockets / "control")

    def control(self):
        """The control socket of the router."""
        return self.administrator.control

    def keyrouter(self, *words, status=0):
        """What the administrator's command prints; it must exit with `status`."""
        return self.administrator.keyrouter(*words, status=status)

    def prepare(self, live=True):
        """Applies the policy while no daemon holds the ledger."""
        self.administrator.prepare(self._key_names() if live else ())

    def apply(self, policy=None, live=True, **request):
        """Writes the policy and applies it through the running router, as `keyrouter apply` does."""
        self.write_policy(policy)
        return self.administrator.apply(self._key_names() if live else (), **request)

    def policy_files(self):
        """The policy as a request carries it."""
        return self.administrator.policy_files()

    def _key_names(self):
        return [key["name"] for key in self.keys]

    def shim_settings(self, router_address, workstation=None):
        return {
            "listen": ["127.0.0.1:0"], "router": router_address, "router_name": ROUTER_NAME,
            "ca": str(self.authority.pem), "address": workstation, "log_level": "debug",
            "apis": [{"name": name, "host": host} for name, host in HOSTS.items()],
        }

    def start_shim(self, workstation, router=None, settings=None, ready=True, **options):
        """A shim that speaks from the workstation's address to a router (or "host:port")."""
        if router is None:
            router = next(p for p in reversed(self.processes) if "keyrouterd" in p.argv[0])
        address = router if isinstance(router, str) else router.addresses[0]
        self._n_shims += 1
        name = f"keyshim-{self._n_shims}"
        config = self.folder / f"{name}.cfg"
        config.write_text(cfg_format({**self.shim_settings(address, workstation),
                                      **(settings or {})}))
        shim = self._start(name, "keyshim", config, **options)
        if ready:
            shim.wait_ready()
        return shim

    # ---- clients

    def connect_router(self, router, workstation, **options):
        """TLS to the router, from a workstation's address."""
        return RawClient(router.addresses[0], workstation, self.authority.client_context(),
                         ROUTER_NAME, **options)

    @staticmethod
    def connect_shim(shim, **options):
        """Plain, as an application on the workstation does."""
        return RawClient(shim.addresses[0], **options)

    def connect_vendor(self, source, host=HOSTS["us-street"], **options):
        """TLS straight to the vendor, as an application without keyrouter would."""
        return RawClient(self.vendor.address, source, client_context(self.vendor.ca), host,
                         **options)

    @staticmethod
    def street_request(street="1 Main St", host=HOSTS["us-street"], extra="", headers=()):
        query = f"street={street.replace(' ', '%20')}&city=Springfield&state=IL{extra}"
        return request_format("GET", f"/street-address?{query}", host, headers)

    # ---- end

    def gather_evidence(self):
        """All files that programs may have written; credentials and the vendor's own are theirs."""
        for process in self.processes:
            if process.is_running and not process.stopped:
                process.snapshot()
        for path in self.folder.rglob("*"):
            own = {self.credentials, self.vendor.folder}
            if path.is_file() and not own & set(path.parents):
                canary.evidence(f"the file {path.relative_to(self.folder)}", path.read_bytes())

    def stop(self):
        """Stops everything; the first that did not end well is raised, after all have ended."""
        failures = []
        steps = [p.stop for p in reversed(self.processes)]
        steps += [self.gather_evidence, self._retire_keys, self._leave_vendor, self.dns.stop,
                  lambda: shutil.rmtree(self.sockets, ignore_errors=True)]
        for step in steps:
            try:
                step()
            except (AssertionError, OSError, RuntimeError) as failure:
                failures.append(failure)
        if failures:
            raise failures[0]

    def _retire_keys(self):
        canary.retire(each for key in self.vendor.keys.values() for each in key.fields.values())

    def _leave_vendor(self):
        if self._vendors:
            self._vendors.give_back(self.vendor)
        else:
            self.vendor.stop()
