-- ANONYMOUS for guests, as a deployment of Jitsi Meet has it:
--   * the node of the JID is a UUID, so that its first eight characters are hexadecimal;
--   * `previd` of the URL names the stream to resume: the guest then keeps the old name, so that XEP-0198 can resume;
--   * where a secret is configured, the token of the URL must be signed with it (HS256) and not be expired.
local sasl = require "util.sasl";
local uuid = require "util.uuid".generate;
local jwt = require "util.jwt";
local http = require "util.http";

local secret = module:get_option_string("guest_token_secret");
local provider = {};

local function refuse() return nil, "Only guests are known here."; end
provider.test_password = refuse;
provider.get_password = refuse;
provider.set_password = refuse;
provider.user_exists = refuse;
provider.create_user = refuse;
function provider.users() return next, prosody.hosts[module.host].sessions, nil; end

-- The query of the URL is the only place where a client can say these things. mod_websocket and mod_bosh are global modules.
local function read_query(event)
	local query = event.request.url.query;
	local values = query and http.formdecode(query) or {};
	if type(values) ~= "table" then values = {}; end
	event.session.conference_room = values.room;
	event.session.conference_token = values.token;
	event.session.conference_previd = values.previd;
	event.session.conference_peer = values.peer;
end
module:hook_global("websocket-session", read_query);
module:hook_global("bosh-session", read_query);

local function token_problem(session)
	if not secret then return nil; end
	local token = session.conference_token;
	if not token or token == "" then return "token required"; end
	local ok, payload = jwt.verify(secret, token);
	if not ok or type(payload) ~= "table" then return "Invalid signature"; end
	if type(payload.exp) == "number" and payload.exp < os.time() then return "Not acceptable by exp"; end
	session.conference_token_room = payload.room;
	return nil;
end

sasl.registerMechanism("ANONYMOUS", { "anonymous" }, function (self)
	local name, condition, reason = self.profile.anonymous(self);
	if not name then return "failure", condition, reason; end
	self.username = name;
	return "success";
end);

function provider.get_sasl_handler(session)
	return sasl.new(module.host, {
		anonymous = function ()
			local problem = token_problem(session);
			if problem then return nil, "not-allowed", problem; end
			if session.conference_previd then
				for _, old in pairs(prosody.full_sessions) do
					if old.host == module.host and old.resumption_token == session.conference_previd then
						return old.username;
					end
				end
			end
			return uuid();
		end;
	});
end

module:add_identity("component", "room_metadata", "metadata." .. module.host);
module:add_identity("component", "av_moderation", "avmoderation." .. module.host);
module:add_identity("component", "breakout_rooms", "breakout." .. module.host);
module:add_identity("component", "lobbyrooms", "lobby." .. module.host);

module:provides("auth", provider);
