// What users of @confluentinc/schemaregistry do, against the HTTP worker.
//
//	node confluent.js URL USER PASSWORD
//
// Prints "ok - what" for each step and ends with 1 where the client does not
// get what it expects.
const assert = require('assert')
const { create } = require('@bufbuild/protobuf')
const { TimestampSchema } = require('@bufbuild/protobuf/wkt')
const sr = require('@confluentinc/schemaregistry')

const [url, user, password] = process.argv.slice(2)
const client = (secret = password) => sr.SchemaRegistryClient.newClient({
  baseURLs: [url], maxRetries: 0, basicAuthCredentials: { credentialsSource: 'USER_INFO', userInfo: `${user}:${secret}` }
})
const ok = (what) => console.log('ok - ' + what)
const refused = (call, status, code) => assert.rejects(call, (e) => e.status === status && e.errorCode === code)

const order = (...more) => JSON.stringify({ type: 'record', name: 'Order', namespace: 'shop', fields: [{ name: 'id', type: 'int' }, ...more] })
const object = (properties, ...required) => JSON.stringify({ type: 'object', properties, required, additionalProperties: false })
const message = (...fields) => `syntax = "proto3";\npackage shop;\n\nmessage Event {\n${fields.map((f) => `  ${f};\n`).join('')}}\n`
const kinds = [
  ['AVRO', order(), order({ name: 'note', type: ['null', 'string'], default: null }), order({ name: 'must', type: 'string' })],
  ['JSON', object({ id: { type: 'integer' } }), object({ id: { type: 'integer' }, note: { type: 'string' } }), object({ id: { type: 'string' } })],
  ['PROTOBUF', message('int32 id = 1'), message('int32 id = 1', 'string note = 2'), message('string id = 1')]
]

async function versions () {
  for (const [schemaType, first, next, bad] of kinds) {
    const subject = `cnode-${schemaType.toLowerCase()}`
    const one = await client().registerFullResponse(subject, { schemaType, schema: first })
    assert.deepStrictEqual([one.version, one.schemaType], [1, schemaType])
    assert.strictEqual(await client().register(subject, { schemaType, schema: first }), one.id)
    const two = await client().register(subject, { schemaType, schema: next })
    assert.strictEqual(two, one.id + 1)
    await refused(client().register(subject, { schemaType, schema: bad }), 409, 40901)
    assert.strictEqual(await client().testSubjectCompatibility(subject, { schemaType, schema: bad }), false)
    assert.strictEqual(await client().testCompatibility(subject, 1, { schemaType, schema: next }), true)
    assert.deepStrictEqual(await client().getAllVersions(subject), [1, 2])
    assert.strictEqual(await client().getId(subject, { schemaType, schema: first }), one.id)
    assert.strictEqual((await client().getIdFullResponse(subject, { schemaType, schema: first })).guid, one.guid)
    assert.strictEqual(await client().getVersion(subject, { schemaType, schema: next }), 2)
    const latest = await client().getLatestSchemaMetadata(subject)
    assert.deepStrictEqual([latest.id, latest.version, latest.subject], [two, 2, subject])
    assert.strictEqual((await client().getSchemaMetadata(subject, 1)).id, one.id)
    assert.strictEqual((await client().getBySubjectAndId(subject, one.id)).schema, (await client().getByGuid(one.guid)).schema)
    ok(`${subject}: registered, found, evolved, an incompatible one refused`)
  }
  await refused(client().getLatestSchemaMetadata('cnode-nothing'), 404, 40401)
  await refused(client().getSchemaMetadata('cnode-avro', 9), 404, 40402)
  await refused(client().getBySubjectAndId('cnode-avro', 999999), 404, 40403)
  await refused(client().register('cnode-x', { schemaType: 'AVRO', schema: '{' }), 422, 42201)
  await assert.rejects(client('no').getAllSubjects(), (e) => e.status === 401)
  ok('what is not there, what is no schema, and a wrong password')
}

async function references () {
  await client().register('cnode-color', { schemaType: 'AVRO', schema: '{"type":"enum","name":"Color","namespace":"shop","symbols":["RED","BLUE"]}' })
  const car = {
    schemaType: 'AVRO', schema: '{"type":"record","name":"Car","namespace":"shop","fields":[{"name":"color","type":"shop.Color"}]}',
    references: [{ name: 'shop.Color', subject: 'cnode-color', version: 1 }]
  }
  const id = await client().register('cnode-car', car)
  assert.deepStrictEqual((await client().getBySubjectAndId('cnode-car', id)).references, car.references)
  const whole = await client().getBySubjectAndId('cnode-car', id, 'resolved')
  assert.match(whole.schema, /"symbols":\["RED","BLUE"\]/)
  assert.strictEqual(await client().getId('cnode-car', { schemaType: 'AVRO', schema: whole.schema }), id)
  assert.strictEqual(await client().register('cnode-car', { schemaType: 'AVRO', schema: whole.schema }), id)
  ok('references, also written out')
}

async function configuration () {
  assert.strictEqual(await client().updateCompatibility('cnode-avro', sr.Compatibility.Full ?? 'FULL'), 'FULL')
  assert.strictEqual(await client().getCompatibility('cnode-avro'), 'FULL')
  assert.strictEqual(await client().getDefaultCompatibility(), 'BACKWARD')
  await client().updateConfig('cnode-avro', { compatibility: 'NONE', compatibilityGroup: 'major' })
  const config = await client().getConfig('cnode-avro')
  assert.deepStrictEqual([config.compatibilityLevel, config.compatibilityGroup], ['NONE', 'major'])
  await client().register('cnode-avro', { schemaType: 'AVRO', schema: '"string"', metadata: { properties: { major: '2' } } })
  assert.strictEqual((await client().getLatestWithMetadata('cnode-avro', { major: '2' })).version, 3)
  ok('levels, configuration and metadata')
}

async function messages () {
  const rules = { useLatestVersion: true, autoRegisterSchemas: false }
  const there = [
    ['AVRO', order(), { id: 7 }, new sr.AvroSerializer(client(), sr.SerdeType.VALUE, rules), new sr.AvroDeserializer(client(), sr.SerdeType.VALUE, {})],
    ['JSON', object({ id: { type: 'integer' } }), { id: 7 }, new sr.JsonSerializer(client(), sr.SerdeType.VALUE, { ...rules, validate: true }), new sr.JsonDeserializer(client(), sr.SerdeType.VALUE, { validate: true })]
  ]
  for (const [schemaType, schema, value, serializer, deserializer] of there) {
    const topic = `cnode-topic-${schemaType.toLowerCase()}`
    const id = await client().register(`${topic}-value`, { schemaType, schema })
    const data = await serializer.serialize(topic, value)
    assert.deepStrictEqual([data.readInt8(0), data.readInt32BE(1)], [0, id])
    assert.deepStrictEqual({ ...(await deserializer.deserialize(topic, data)) }, value)
    ok(`${topic}: messages there and back`)
  }
  // It registers descriptors, and asks for them with format=serialized.
  const serializer = new sr.ProtobufSerializer(client(), sr.SerdeType.VALUE, { autoRegisterSchemas: true })
  serializer.registry.add(TimestampSchema)
  const data = await serializer.serialize('cnode-topic-protobuf', create(TimestampSchema, { seconds: 7n, nanos: 9 }))
  const back = await new sr.ProtobufDeserializer(client(), sr.SerdeType.VALUE, {}).deserialize('cnode-topic-protobuf', data)
  assert.deepStrictEqual([back.seconds, back.nanos], [7n, 9])
  ok('cnode-topic-protobuf: messages there and back')
}

async function deletes () {
  assert.strictEqual(await client().deleteSubjectVersion('cnode-json', 2), 2)
  assert.deepStrictEqual(await client().getAllVersions('cnode-json'), [1])
  assert.strictEqual(await client().deleteSubjectVersion('cnode-json', 2, true), 2)
  assert.deepStrictEqual(await client().deleteSubject('cnode-json'), [1])
  assert.deepStrictEqual(await client().deleteSubject('cnode-json', true), [1])
  assert.ok(!(await client().getAllSubjects()).includes('cnode-json'))
  ok('deletes')
}

versions().then(references).then(configuration).then(messages).then(deletes).catch((e) => {
  console.error(e)
  process.exit(1)
})
