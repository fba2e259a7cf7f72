/* SPDX-License-Identifier: Apache-2.0 */
/* A PAM module that behaves as its argument says. */
#include <security/pam_appl.h>
#include <security/pam_modules.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int ask(pam_handle_t *h, int style, int count, char *out, size_t size)
{
	const struct pam_conv *conv = NULL;
	const struct pam_message one = { style, "Password:" };
	const struct pam_message *all[PAM_MAX_NUM_MSG + 1];
	struct pam_response *got = NULL;
	for (int i = 0; i <= PAM_MAX_NUM_MSG; i++) all[i] = &one;
	const void *item = NULL;
	if (pam_get_item(h, PAM_CONV, &item) != PAM_SUCCESS || !item) return PAM_SYSTEM_ERR;
	conv = item;
	int status = conv->conv(count, all, &got, conv->appdata_ptr);
	if (status != PAM_SUCCESS) return status;
	out[0] = '\0';
	if (got[0].resp) (void)strncat(out, got[0].resp, size - 1);
	for (int i = 0; i < count; i++) free(got[i].resp);
	free(got);
	return PAM_SUCCESS;
}

/* right: the password is the user's name backwards ("nna" of "ann"). */
static int compare(pam_handle_t *h)
{
	char text[600];
	const char *user = NULL;
	int status = ask(h, PAM_PROMPT_ECHO_OFF, 1, text, sizeof text);
	if (status != PAM_SUCCESS || pam_get_user(h, &user, NULL) != PAM_SUCCESS)
		return PAM_AUTH_ERR;
	size_t len = strlen(user);
	if (strlen(text) != len) return PAM_AUTH_ERR;
	for (size_t i = 0; i < len; i++)
		if (text[i] != user[len - 1 - i]) return PAM_AUTH_ERR;
	return PAM_SUCCESS;
}

static int behave(pam_handle_t *h, const char *how)
{
	char text[600];
	if (strcmp(how, "right") == 0) return compare(h);
	if (strcmp(how, "hang") == 0)
		for (;;) (void)pause();
	if (strcmp(how, "deaf") == 0) {
		for (int signo = 1; signo < NSIG; signo++) (void)signal(signo, SIG_IGN);
		if (fork() >= 0) /* and something is left behind */
			for (;;) (void)pause();
	}
	if (strcmp(how, "crash") == 0) (void)raise(SIGSEGV);
	if (strcmp(how, "exit") == 0) _exit(3);
	if (strcmp(how, "twice") == 0 && compare(h) == PAM_SUCCESS)
		return ask(h, PAM_PROMPT_ECHO_OFF, 1, text, sizeof text);
	if (strcmp(how, "echo") == 0) return ask(h, PAM_PROMPT_ECHO_ON, 1, text, sizeof text);
	if (strcmp(how, "many") == 0)
		return ask(h, PAM_TEXT_INFO, PAM_MAX_NUM_MSG + 1, text, sizeof text);
	if (strcmp(how, "talks") == 0) {
		int status = ask(h, PAM_TEXT_INFO, 2, text, sizeof text);
		if (status == PAM_SUCCESS) status = ask(h, PAM_ERROR_MSG, 1, text, sizeof text);
		return status == PAM_SUCCESS ? compare(h) : status;
	}
	if (strcmp(how, "slow") == 0) {
		(void)pam_fail_delay(h, 20u * 1000 * 1000);
		return PAM_AUTH_ERR;
	}
	return atoi(how); /* a status */
}

int pam_sm_authenticate(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)flags;
	return argc > 0 ? behave(h, argv[0]) : PAM_AUTH_ERR;
}

int pam_sm_setcred(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)h, (void)flags, (void)argc, (void)argv;
	return PAM_SUCCESS;
}

int pam_sm_acct_mgmt(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)h, (void)flags;
	return argc > 0 ? atoi(argv[0]) : PAM_SUCCESS;
}
