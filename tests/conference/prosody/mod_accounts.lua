-- The accounts of the configuration, made when the host starts.
local usermanager = require "core.usermanager";

for user, password in pairs(module:get_option("accounts", {})) do
	local ok, problem = usermanager.create_user(user, password, module.host);
	if not ok then module:log("error", "no account: %s", tostring(problem)); end
end
