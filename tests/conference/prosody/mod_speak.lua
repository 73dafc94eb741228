-- Lets the focus speak in the name of a component: what it wraps in <speak to='...'/> is sent on from the component's own
-- address. No client can use it.
local st = require "util.stanza";
local jid = require "util.jid";

local focus_jid = module:get_option_string("focus_jid");

module:hook("message/host", function (event)
	local stanza = event.stanza;
	local speak = stanza:get_child("speak", "urn:x-conference:speak");
	if not speak or jid.bare(stanza.attr.from) ~= focus_jid then return; end
	local message = st.message({ from = module.host, to = speak.attr.to });
	for _, child in ipairs(speak.tags) do
		message:add_child(st.clone(child));
	end
	module:send(message);
	return true;
end, 100);
