/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/ldapdir.h"

struct str ldapdir_own_address(struct ldapdir_values addresses, struct ldapdir_values aliases)
{
	for (size_t i = 0; i < addresses.count; i++) {
		struct str one = addresses.at[i];
		if (str_starts_nocase(one, STR("smtp:"))) one = str_from(one, 5);
		if (one.len) return one;
	}
	for (size_t i = 0; i < aliases.count; i++)
		if (str_starts(aliases.at[i], STR("SMTP:")))
			return str_from(aliases.at[i], 5);
	return STR("");
}

struct str ldapdir_home(struct ldapdir_values homes)
{
	if (!homes.count) return STR("");
	struct str home = homes.at[0];
	ptrdiff_t is = str_starts(home, STR("/")) ? str_rfind(home, '=') : -1;
	return is < 0 ? home : str_from(home, (size_t)is + 1);
}
