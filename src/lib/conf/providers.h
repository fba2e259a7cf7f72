/* SPDX-License-Identifier: Apache-2.0 */
/* The blocks `pacing` that come with the program, by `pacing-profile`. */
#ifndef IMS_CONF_PROVIDERS_H
#define IMS_CONF_PROVIDERS_H

#include "lib/conf/parser.h"

struct conf_provider {
	enum conf_pacing_profile profile;
	struct str name, words;
};

extern const struct conf_provider conf_providers[];
extern const size_t conf_provider_count;

/* Adds those of the profile in use; a block of that name in a file stands instead. */
void conf_providers_add(struct conf_parser *p);

#endif
