// A small event of each type, for the trial of filters and URLs.

/** @type {Record<string, object>} */
const RECORDS = {
  space: { name: "Acme", slug: "acme", attributesMap: { "Task Source": ["Kinetic Request CE"] } },
  kapp: { name: "Services", slug: "services", attributesMap: { Owner: ["IT"] } },
  form: {
    name: "Request Laptop",
    slug: "request-laptop",
    type: "Service",
    status: "Active",
    attributesMap: { "Notify On": ["Submitted", "Closed"] },
  },
  submission: { id: "b7a1f0a2-3f0b-11f1-9f4f-0b2f6a1c9d00", coreState: "Draft", createdBy: "ana@acme.com" },
  values: { Model: "X1", Quantity: "2", Status: "Open" },
  user: {
    username: "ana@acme.com",
    displayName: "Ana Pérez",
    email: "ana@acme.com",
    spaceAdmin: false,
    attributesMap: { Manager: ["ben@acme.com"] },
    profileAttributesMap: {},
  },
  team: { name: "IT::Support", slug: "it-support", attributesMap: {} },
};
/** The state of a submission after an action. @type {Record<string, string>} */
const STATES = { Submitted: "Submitted", Closed: "Closed" };

/** Returns an event with every record that a filter of the type may read. @param {RecordType} type @param {string} action */
export function sampleOf(type, action) {
  const records = Object.fromEntries(type.bindings.map(({ name }) => [name, RECORDS[name] ?? {}]));
  if (records.submission && STATES[action])
    records.submission = { ...records.submission, coreState: STATES[action] };
  return { event: { type: type.name, action, timestamp: "2026-04-21T10:05:00Z" }, ...records };
}
