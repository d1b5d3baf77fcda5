# SPDX-License-Identifier: Apache-2.0
"""answers - bodies in the shape that the vendor documents, with an echo of what was asked

Every answer repeats its input, so that a test sees that it got the answer to its own question. The
rest is plausible and always the same. Field names: the vendor's documentation and the properties
that its JavaScript SDK reads.
"""
import zlib

_COUNTY = {"county_fips": "36061", "county_name": "New York"}


def _number(*texts):
    return zlib.crc32("\0".join(texts).encode())


def street_candidate(lookup, index):
    street = lookup.get("street") or lookup.get("freeform") or ""
    city, state = lookup.get("city") or "New York", lookup.get("state") or "NY"
    zipcode = (lookup.get("zipcode") or "10001")[:5]
    first, _, rest = street.partition(" ")
    number = _number(street, city, state, zipcode)
    candidate = {
        "input_index": index,
        "candidate_index": 0,
        "delivery_line_1": street,
        "last_line": f"{city} {state} {zipcode}-0001",
        "delivery_point_barcode": f"{zipcode}0001019",
        "smarty_key": str(number),
        "components": {
            "primary_number": first, "street_name": rest.rpartition(" ")[0] or rest,
            "street_suffix": rest.rpartition(" ")[2], "city_name": city,
            "default_city_name": city, "state_abbreviation": state, "zipcode": zipcode,
            "plus4_code": "0001", "delivery_point": "01", "delivery_point_check_digit": "9",
        },
        "metadata": {
            "record_type": "S", "zip_type": "Standard", **_COUNTY, "carrier_route": "C001",
            "congressional_district": "12", "rdi": "Commercial", "elot_sequence": "0001",
            "elot_sort": "A", "latitude": 40.75, "longitude": -73.99, "coordinate_license": 1,
            "precision": "Zip9", "time_zone": "Eastern", "utc_offset": -5, "dst": True,
        },
        "analysis": {"dpv_match_code": "Y", "dpv_footnotes": "AABB", "dpv_cmra": "N",
                     "dpv_vacant": "N", "dpv_no_stat": "N", "active": "Y"},
    }
    for name in ("input_id", "addressee"):
        if lookup.get(name):
            candidate[name] = lookup[name]
    return candidate


def street(lookups):
    return [street_candidate(lookup, i) for i, lookup in enumerate(lookups)
            if lookup.get("street") or lookup.get("freeform")]


def zipcode_result(lookup, index):
    city, state = lookup.get("city") or "New York", lookup.get("state") or "NY"
    result = {
        "input_index": index,
        "city_states": [{"city": city, "mailable_city": True, "state_abbreviation": state,
                         "state": state}],
        "zipcodes": [{
            "zipcode": lookup.get("zipcode") or "10001", "zipcode_type": "S", "default_city": city,
            **_COUNTY, "state_abbreviation": state, "state": state, "latitude": 40.75,
            "longitude": -73.99, "precision": "Zip5", "alternate_counties": [],
        }],
    }
    if lookup.get("input_id"):
        result["input_id"] = lookup["input_id"]
    return result


def zipcode(lookups):
    return [zipcode_result(lookup, i) for i, lookup in enumerate(lookups)]


def autocomplete_pro(lookup):
    return {"suggestions": [
        {"street_line": lookup["search"], "secondary": secondary, "city": "New York", "state": "NY",
         "zipcode": "10001", "entries": 0, "source": "postal"} for secondary in ("", "Apt 2")]}


def autocomplete_v2(lookup):
    return {"suggestions": [
        {"smarty_key": str(_number(lookup["search"])), "entry_id": "",
         "street_line": lookup["search"],
         "secondary": "", "city": "New York", "state": "NY", "zipcode": "10001", "entries": 0,
         "source": "postal"}]}


def autocomplete_basic(lookup):
    text = lookup["prefix"]
    return {"suggestions": [{"text": f"{text}, New York NY", "street_line": text,
                             "city": "New York", "state": "NY"}]}


def international_street(lookup):
    line = lookup.get("freeform") or lookup.get("address1") or ""
    locality = lookup.get("locality") or "Paris"
    candidate = {
        "address1": line,
        "address2": f"{lookup.get('postal_code') or '75001'} {locality}",
        "components": {
            "country_iso_3": lookup["country"], "locality": locality,
            "administrative_area": lookup.get("administrative_area") or "",
            "postal_code": lookup.get("postal_code") or "75001", "thoroughfare": line,
        },
        "metadata": {"latitude": 48.86, "longitude": 2.33, "geocode_precision": "Thoroughfare",
                     "max_geocode_precision": "DeliveryPoint",
                     "address_format": "address1|locality"},
        "analysis": {"verification_status": "Verified", "address_precision": "Thoroughfare",
                     "max_address_precision": "DeliveryPoint",
                     "changes": {"address1": "Verified-NoChange", "components": {}}},
    }
    for name in ("input_id", "organization"):
        if lookup.get(name):
            candidate[name] = lookup[name]
    return [candidate]


def international_autocomplete(lookup):
    text = lookup.get("search") or lookup.get("address_id") or ""
    country = lookup.get("country") or "FRA"
    return {"candidates": [{
        "street": text, "locality": "Paris", "administrative_area": "", "postal_code": "75001",
        "country_iso3": country, "entries": 1, "address_text": text,
        "address_id": str(_number(text, country))}]}


def international_postal_code(lookup):
    return [{"input_id": lookup.get("input_id") or "",
             "locality": lookup.get("locality") or "Paris",
             "administrative_area": lookup.get("administrative_area") or "",
             "postal_code": lookup.get("postal_code") or "75001", "postal_code_extra": "",
             "country_iso_3": lookup["country"]}]


def extract(text):
    lines = text.split("\n")
    found = [(n, line) for n, line in enumerate(lines, 1) if any(c.isdigit() for c in line)]
    addresses = [{
        "text": line, "verified": True, "line": n, "start": text.find(line),
        "end": text.find(line) + len(line), "api_output": [street_candidate({"street": line}, 0)],
    } for n, line in found]
    return {"meta": {"lines": len(lines), "unicode": not text.isascii(),
                     "address_count": len(addresses), "verified_count": len(addresses),
                     "bytes": len(text.encode()), "character_count": len(text)},
            "addresses": addresses}


def enrichment(parts):
    """`parts` of the path below /lookup/: SMARTYKEY/SET[/SUBSET], search/SET or business/ID."""
    names = parts[1:] if parts[0] not in ("search", "business") else parts
    result = {"smarty_key": parts[0], "data_set_name": names[0],
              "data_subset_name": names[1] if len(names) > 1 else "",
              "attributes": {"property_address_full": f"of {parts[0]}", "acres": "0.25"}}
    if parts[-1] == "count":
        return {"smarty_key": parts[0], "count": 2}
    return [{**result, "etag": enrichment_etag(parts)}]


def enrichment_etag(parts):
    return f"{_number(*parts):08x}"


def reverse_geo(lookup):
    return {"results": [{
        "coordinate": {"latitude": float(lookup["latitude"]),
                       "longitude": float(lookup["longitude"]),
                       "accuracy": "Rooftop", "license": 1},
        "distance": 2.5,
        "address": {"street": f"at {lookup['latitude']} {lookup['longitude']}", "city": "New York",
                    "state_abbreviation": "NY", "zipcode": "10001", "source": "postal",
                    "smarty_key": str(_number(lookup["latitude"], lookup["longitude"]))}}]}
