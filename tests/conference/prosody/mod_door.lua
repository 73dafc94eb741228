-- The door of a room, moved by the focus of this conference with messages to the room: a lobby, as the deployments'
-- mod_muc_lobby_rooms and mod_muc_wait_for_host have it on the wire, and refusals one after the other. Peers pass.
local st = require "util.stanza";
local jid = require "util.jid";

local get_room = module:depends "muc".get_room_from_jid;
local focus_jid = module:get_option_string("focus_jid");
local xmlns_door = "urn:x-hemicycle:door";
local xmlns_jitmeet = "http://jitsi.org/jitmeet";
local xmlns_muc = "http://jabber.org/protocol/muc";

-- Who is let in becomes a member and gets a mediated invitation from the room, with its password if it has one.
local function admit(room, who)
	room:set_affiliation(true, jid.bare(who), "member");
	local invitation = st.message({ from = room.jid, to = who })
		:tag("x", { xmlns = xmlns_muc .. "#user" })
		:tag("invite", { from = room.jid .. "/focus" }):up();
	local password = room:get_password();
	if password then invitation:text_tag("password", password); end
	module:send(invitation);
end

-- Who has the room ask again for its settings.
local function configuration_changed(room)
	room:broadcast_message(st.message({ type = "groupchat", from = room.jid })
		:tag("x", { xmlns = xmlns_muc .. "#user" }):tag("status", { code = "104" }):up():up());
end

-- The settings name the lobby, by which moderators find it.
module:hook("muc-disco#info", function (event)
	local lobby = event.room.lobby;
	if not lobby then return; end
	event.reply:tag("feature", { var = "muc_membersonly" }):up();
	table.insert(event.form, { name = "muc#roominfo_lobbyroom", label = "Lobby room jid", value = "" });
	event.formdata["muc#roominfo_lobbyroom"] = lobby.jid;
end);

-- Whom a moderator in the room invites is a member from then on.
module:hook("muc-invite", function (event)
	local room, invitee = event.room, event.stanza.attr.to;
	local by = event.incoming and room:get_affiliation(event.incoming.attr.from);
	if room.lobby and by == "owner" and not room:get_affiliation(jid.bare(invitee)) then
		room:set_affiliation(true, jid.bare(invitee), "member");
	end
end);

module:hook("message/bare", function (event)
	local stanza = event.stanza;
	local order = stanza:get_child("door", xmlns_door);
	if not order or jid.bare(stanza.attr.from) ~= focus_jid then return; end
	local room = get_room(stanza.attr.to);
	if not room then return true; end
	for child in order:childtags() do
		if child.name == "lobby" then
			room.lobby = child.attr.jid and { jid = child.attr.jid, host = child.attr.host == "true" } or nil;
			configuration_changed(room);
		elseif child.name == "admit" then
			admit(room, child.attr.jid);
		elseif child.name == "refuse" then
			local refusal = st.clone(child:get_child("error"));
			refusal.attr.xmlns = nil; -- of the stream again, not of the order it came in
			room.refusals = room.refusals or {};
			table.insert(room.refusals, refusal);
		end
	end
	return true;
end, 10);

local function refuse(event)
	return st.stanza("presence", { type = "error", from = event.stanza.attr.to, to = event.stanza.attr.from });
end

module:hook("muc-occupant-pre-join", function (event)
	local room, origin, stanza = event.room, event.origin, event.stanza;
	if jid.bare(stanza.attr.from) == focus_jid or origin.conference_peer then return; end
	local scripted = room.refusals and table.remove(room.refusals, 1);
	if scripted then
		origin.send(refuse(event):add_child(scripted));
		return true;
	end
	local lobby = room.lobby;
	if lobby and not room:get_affiliation(jid.bare(stanza.attr.from)) then
		local reply = refuse(event):tag("error", { type = "auth", code = "407" })
			:tag("registration-required", { xmlns = "urn:ietf:params:xml:ns:xmpp-stanzas" }):up()
			:tag("lobbyroom", { xmlns = xmlns_jitmeet }):text(lobby.jid):up();
		if lobby.host then reply:tag("waiting-for-host", { xmlns = xmlns_jitmeet }):up(); end
		reply:up():tag("lobbyroom"):text(lobby.jid):up():tag("x", { xmlns = xmlns_muc }):up();
		origin.send(reply);
		return true;
	end
end, 40);
