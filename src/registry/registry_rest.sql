/*
 * registry: complete answers for the REST API, and for whoever speaks to the
 * registry in JSON.
 *
 *     dataplat_internal.registry_rest(caller name, operation text, a jsonb) returns jsonb
 *
 * runs one operation with the rights of "caller" (a role; EXECUTE on the public
 * function named in brackets; NULL asks nobody) and returns the body of the
 * answer.  Errors are raised: DETAIL begins with "error_code=NNNNN", the HTTP
 * status is its first three digits, the message is the primary message.  An
 * error without that DETAIL has no code of the registry: 42501 is 403, 57014
 * and 40001 and 40P01 want another try, the rest is 500.
 *
 * "a" holds path and query parameters under the names below, as JSON strings,
 * numbers or booleans alike ("deleted": "true" is fine); what is missing or null
 * has its default.  "body" is the request's body as a JSON object.  Answers
 * marked text are JSON strings whose contents are the response.
 *
 *   operation              members of a                                                     answer
 *   subjects               subjectPrefix, deleted, deletedOnly, offset, limit               [name, ...]                     [schema_subjects]
 *   versions               subject, deleted, deletedOnly, deletedAsNegative, offset, limit  [1, 2, ...]                     [schema_versions]
 *   version                subject, version, deleted, format                                {subject, version, id, guid, schemaType, schema, references, metadata, ruleSet, ts, deleted}  [schema_versions]
 *   version_schema         subject, version, deleted, format                                text                            [schema_versions]
 *   referencedby           subject, version, offset, limit                                  [id, ...]                       [schema_versions]
 *   metadata               subject, key, value (string or array), deleted                   as version                      [schema_versions]
 *   register               subject, normalize, body {schema, schemaType, references, metadata, ruleSet, id, version}
 *                                                                                           {id, version, guid, schemaType, schema, references, metadata, ruleSet}   [register_schema]
 *   lookup                 subject, normalize, deleted, body                                as version                      [lookup_schema]
 *   delete_subject         subject, permanent                                               [1, 2, ...]                     [delete_subject]
 *   delete_version         subject, version, permanent                                      2                               [delete_schema_version]
 *   id                     id, subject, format, fetchMaxId                                  {guid, schemaType, schema, references, metadata, ruleSet, maxId}        [schema_by_id]
 *   id_schema              id, subject, format                                              text                            [schema_by_id]
 *   id_subjects            id, subject, deleted, offset, limit                              [name, ...]                     [schema_by_id]
 *   id_versions            id, subject, deleted, offset, limit                              [{subject, version}, ...]       [schema_by_id]
 *   guid                   guid, format                                                     as id                           [schema_by_guid]
 *   guid_ids               guid                                                             [{context, id}, ...]            [schema_by_guid]
 *   schemas                subjectPrefix, aliases, deleted, latestOnly, ruleType, offset, limit   [as version, ...]         [schema_subjects]
 *   types                                                                                   ["JSON", "PROTOBUF", "AVRO"]    [none]
 *   contexts               offset, limit                                                    [".", ".ctx", ...]              [schema_subjects]
 *   delete_context         context                                                          null (204)                      [delete_subject]
 *   get_config             subject (none: the default context), defaultToGlobal             {compatibilityLevel, normalize, alias, ...}   [get_compatibility]
 *   set_config             subject, body {compatibility, normalize, alias, ...}             the body                        [set_compatibility]
 *   delete_config          subject                                                          what it was                     [set_compatibility]
 *   get_mode               subject, defaultToGlobal                                         {mode}                          [get_schema_mode]
 *   set_mode               subject, force, body {mode}                                      {mode}                          [set_schema_mode]
 *   delete_mode            subject                                                          {mode}, what it was             [set_schema_mode]
 *   compatibility          subject, version (none: all that the level asks for), verbose, normalize, body
 *                                                                                           {is_compatible, messages}       [check_compatibility]
 *
 * Register, delete and set operations want a READ COMMITTED transaction of their own; at another level they may fail with 40001.
 */
