-- A room without its focus is closed: joins are parked until the occupant "focus" is in.
-- A token for another room is refused here and only here. Nicknames follow the rule of the deployments.
local st = require "util.stanza";
local jid = require "util.jid";

local focus_jid = module:get_option_string("focus_jid");
local metadata_host = module:get_option_string("metadata_host");
local metadata_services = module:get_option_string("metadata_services", "{}");

local function from_focus(stanza) return jid.bare(stanza.attr.from) == focus_jid; end

module:hook("muc-occupant-pre-join", function (event)
	local room, origin, stanza = event.room, event.origin, event.stanza;
	if from_focus(stanza) then return; end
	local nick = jid.resource(event.occupant.nick);
	if not nick:match("^[a-zA-Z0-9][a-zA-Z0-9_]*$") then
		origin.send(st.error_reply(stanza, "modify", "not-allowed", "Invalid resource", room.jid));
		return true;
	end
	local allowed = origin.conference_token_room;
	if allowed and allowed ~= "*" and allowed ~= jid.node(room.jid) then
		origin.send(st.error_reply(stanza, "cancel", "not-allowed", "Room and token mismatched", room.jid));
		return true;
	end
	if not room:get_occupant_by_nick(room.jid .. "/focus") then
		room.parked_joins = room.parked_joins or {};
		table.insert(room.parked_joins, { origin = origin, stanza = st.clone(stanza) });
		return true;
	end
end, 50);

-- The metadata of the room comes before the own presence. Without TURN `services` is an empty object: Lua knows no other
-- empty table.
module:hook("muc-occupant-pre-join", function (event)
	local room, stanza = event.room, event.stanza;
	if from_focus(stanza) then return; end
	event.origin.send(st.message({ from = metadata_host, to = stanza.attr.from })
		:tag("json-message", { xmlns = "http://jitsi.org/jitmeet", room = room.jid })
		:text('{"type":"room_metadata","metadata":{"services":' .. metadata_services .. '}}'):up());
end, -1000);

module:hook("muc-occupant-joined", function (event)
	local room = event.room;
	if jid.resource(event.nick) ~= "focus" or not room.parked_joins then return; end
	local parked = room.parked_joins;
	room.parked_joins = nil;
	for _, join in ipairs(parked) do
		room:handle_normal_presence(join.origin, join.stanza);
	end
end, -50);
