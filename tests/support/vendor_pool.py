# SPDX-License-Identifier: Apache-2.0
"""vendor_pool - stand-in vendors that serve one site after the other

To start one takes longer than most tests. One that is taken is as if it had just started, but for its port and
the numbers of its connections and requests.
"""
import pathlib

from support.vendor import Vendor


class VendorPool:
    def __init__(self, folder):
        self._folder = pathlib.Path(folder)
        self._first = None  # whose certificates all have
        self._idle = []
        self._n_started = 0

    def take(self):
        return self._idle.pop() if self._idle else self._start()

    def _start(self):
        self._n_started += 1
        vendor = Vendor(self._folder / f"vendor-{self._n_started}", self._first)
        self._first = self._first or vendor.folder
        return vendor

    def give_back(self, vendor):
        """One that its test has stopped stays so."""
        if vendor.is_running:
            vendor.close_connections("reset")
            vendor.reset()
            self._idle.append(vendor)

    def stop(self):
        """Of those that were given back; RuntimeError where one did not end well."""
        while self._idle:
            self._idle.pop().stop()
