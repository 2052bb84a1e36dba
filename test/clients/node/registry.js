// What users of @kafkajs/confluent-schema-registry do, against the HTTP worker.
//
//	node registry.js URL USER PASSWORD
//
// Prints "ok - what" for each step and ends with 1 where the client does not
// get what it expects.
const assert = require('assert')
const { SchemaRegistry, SchemaType, COMPATIBILITY } = require('@kafkajs/confluent-schema-registry')

const [host, username, password] = process.argv.slice(2)
const options = { host, auth: { username, password }, retry: { retries: 0 } }
const client = () => new SchemaRegistry(options)
const ok = (what) => console.log('ok - ' + what)

const order = (...more) => JSON.stringify({ type: 'record', name: 'Order', namespace: 'shop', fields: [{ name: 'id', type: 'long' }, ...more] })
const kinds = [
  {
    type: SchemaType.AVRO, subject: 'node-avro', first: order(),
    next: order({ name: 'note', type: ['null', 'string'], default: null }), bad: order({ name: 'must', type: 'string' }),
    value: { id: 7 }
  },
  {
    type: SchemaType.JSON, subject: 'node-json',
    first: '{"type":"object","properties":{"id":{"type":"integer"}},"required":["id"],"additionalProperties":false}',
    next: '{"type":"object","properties":{"id":{"type":"integer"},"note":{"type":"string"}},"required":["id"],"additionalProperties":false}',
    bad: '{"type":"object","properties":{"id":{"type":"string"}},"required":["id"],"additionalProperties":false}',
    value: { id: 7 }
  },
  {
    type: SchemaType.PROTOBUF, subject: 'node-protobuf',
    first: 'syntax = "proto3";\npackage shop;\nmessage Event {\n  int32 id = 1;\n}\n',
    next: 'syntax = "proto3";\npackage shop;\nmessage Event {\n  int32 id = 1;\n  string note = 2;\n}\n',
    bad: 'syntax = "proto3";\npackage shop;\nmessage Event {\n  string id = 1;\n}\n',
    value: { id: 7 }
  }
]

async function main () {
  for (const { type, subject, first, next, bad, value } of kinds) {
    const { id } = await client().register({ type, schema: first }, { subject })
    assert.strictEqual((await client().register({ type, schema: first }, { subject })).id, id)
    const second = await client().register({ type, schema: next }, { subject })
    assert.notStrictEqual(second.id, id)
    await assert.rejects(client().register({ type, schema: bad }, { subject }), (e) => e.status === 409)
    assert.strictEqual(await client().getLatestSchemaId(subject), second.id)
    assert.strictEqual(await client().getRegistryId(subject, 1), id)
    assert.strictEqual(await client().getRegistryIdBySchema(subject, { type, schema: first }), id)
    const data = await client().encode(id, value)
    assert.strictEqual(data.readInt8(0), 0)
    assert.strictEqual(data.readInt32BE(1), id)
    assert.deepStrictEqual({ ...(await client().decode(data)) }, value)
    ok(`${subject}: registered, evolved, an incompatible one refused, messages there and back`)
  }
  await client().register({ type: SchemaType.AVRO, schema: order() }, { subject: 'node-none', compatibility: COMPATIBILITY.NONE })
  await client().register({ type: SchemaType.AVRO, schema: order({ name: 'must', type: 'string' }) }, { subject: 'node-none', compatibility: COMPATIBILITY.NONE })
  ok('a level that comes with the first schema')
  await assert.rejects(client().getSchema(999999), (e) => e.status === 404)
  await assert.rejects(client().getLatestSchemaId('node-nothing'), (e) => e.status === 404)
  await assert.rejects(new SchemaRegistry({ ...options, auth: { username, password: 'no' } }).getSchema(1), (e) => e.status === 401)
  ok('what is not there is 404, a wrong password is 401')
}

main().catch((e) => {
  console.error(e)
  process.exit(1)
})
