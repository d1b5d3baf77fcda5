// SPDX-License-Identifier: Apache-2.0
//
// lookups - the vendor's own SDK, unmodified, looks addresses up
//
// Reads one job from standard input, so that no credential is ever an argument or in the environment:
//
//   { "modules": FOLDER,              where npm installed the SDK
//     "package": "sdk-8" or "sdk-12",
//     "credentials": { "kind": "basic", "id": ..., "token": ... } or
//                    { "kind": "shared", "key": ..., "host": ... },
//     "urls": { API: URL },           for withBaseUrl
//     "address": "127.0.0.1",         optional: what every host name resolves to
//     "lookups": [ NAME, ... ] }      of the table below; default all
//
// Writes one line of JSON for each lookup:
//
//   { "lookup": NAME, "api": API, "ok": true, "asked": [TEXT, ...], "answered": [TEXT, ...] }
//   { "lookup": NAME, "api": API, "ok": false, "status": N or null, "error": TEXT }
//
// `asked` and `answered` are alike where each input got the answer to its own question.
import dns from "node:dns";
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";

// What a hosts file would do, for this process alone.
function nameEverything(address) {
  dns.lookup = (name, options, done) => {
    const callback = done ?? options;
    if (options.all) {
      callback(null, [{ address, family: 4 }]);
    } else {
      callback(null, address, 4);
    }
  };
}

function credentialsOf(core, wanted) {
  if (wanted.kind === "shared") {
    return new core.SharedCredentials(wanted.key, wanted.host);
  }
  return new core.BasicAuthCredentials(wanted.id, wanted.token);
}

async function street(sdk, client, n) {
  const batch = new sdk.core.Batch();
  for (let i = 0; i < n; i++) {
    const lookup = new sdk.usStreet.Lookup();
    lookup.street = `${100 + i} Maple Street`;
    lookup.city = "Springfield";
    lookup.state = "IL";
    batch.add(lookup);
  }
  await client.send(batch);
  return {
    asked: batch.lookups.map((lookup, i) => `${i}: ${lookup.street}`),
    answered: batch.lookups.map(
      ({ result }) => result.map((r) => `${r.inputIndex}: ${r.deliveryLine1}`).join("; ")),
  };
}

async function zipcode(sdk, client) {
  const lookup = new sdk.usZipcode.Lookup();
  lookup.zipCode = "62704";
  lookup.city = "Springfield";
  lookup.state = "IL";
  await client.send(lookup);
  return {
    asked: ["62704 Springfield"],
    answered: lookup.result.map((r) => `${r.zipcodes[0].zipcode} ${r.cities[0].city}`),
  };
}

async function autocomplete(sdk, client) {
  const lookup = new sdk.usAutocompletePro.Lookup("742 Evergreen Ter");
  await client.send(lookup);
  return { asked: ["742 Evergreen Ter"], answered: [lookup.result[0].streetLine] };
}

async function international(sdk, client) {
  const lookup = new sdk.internationalStreet.Lookup("FRA", "12 Rue de la Paix, Paris");
  await client.send(lookup);
  return { asked: ["12 Rue de la Paix, Paris"], answered: lookup.result.map((r) => r.address1) };
}

async function extract(sdk, client) {
  const lookup = new sdk.usExtract.Lookup("Meet me there.\n5 Elm Street, Springfield IL\nBye.");
  await client.send(lookup);
  return {
    asked: ["5 Elm Street, Springfield IL"],
    answered: lookup.result.addresses.map((address) => address.text),
  };
}

const TABLE = {
  "us-street": ["us-street", "buildUsStreetApiClient", (sdk, c) => street(sdk, c, 1)],
  "us-street-batch-2": ["us-street", "buildUsStreetApiClient", (sdk, c) => street(sdk, c, 2)],
  "us-street-batch-100": ["us-street", "buildUsStreetApiClient", (sdk, c) => street(sdk, c, 100)],
  "us-zipcode": ["us-zipcode", "buildUsZipcodeClient", zipcode],
  "us-autocomplete-pro": ["us-autocomplete-pro", "buildUsAutocompleteProClient", autocomplete],
  "international-street": [
    "international-street", "buildInternationalStreetClient", international],
  "us-extract": ["us-extract", "buildUsExtractClient", extract],
};

// The SDK rejects with an Error, or with its Response that holds one.
function failureOf(thrown) {
  const error = thrown?.error ?? thrown;
  return {
    ok: false,
    status: thrown?.statusCode ?? null,
    error: String(error?.message ?? error),
  };
}

async function lookupRun(sdk, job, name) {
  const [api, build, run] = TABLE[name];
  try {
    const builder = new sdk.core.ClientBuilder(credentialsOf(sdk.core, job.credentials))
      .withBaseUrl(job.urls[api]);
    return { lookup: name, api, ok: true, ...(await run(sdk, builder[build]())) };
  } catch (thrown) {
    return { lookup: name, api, ...failureOf(thrown) };
  }
}

const job = JSON.parse(await text(process.stdin));
if (job.address) {
  nameEverything(job.address);
}
const sdk = createRequire(`${job.modules}/`)(job.package);
for (const name of job.lookups ?? Object.keys(TABLE)) {
  process.stdout.write(JSON.stringify(await lookupRun(sdk, job, name)) + "\n");
}
