# The rooms of the house, from the ground floor up.  This list is the one
# source for the objects to link, the order of the install SQL and the lint
# that checks the floors.  Format: FLOOR:ROOM.  A room may include headers of
# its own and of rooms on lower floors only.
ROOM_FLOORS := \
	0:common \
	1:telemetry 1:formats 1:kafka \
	2:catalog 2:launcher 2:query 2:avro 2:protobuf 2:jsonschema \
	3:storage 3:changelog 3:registry 3:lineage 3:quality \
	4:ingest 4:pipeline \
	5:web

ROOMS := $(foreach r,$(ROOM_FLOORS),$(lastword $(subst :, ,$(r))))
