/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* `cgmove policy check|allow|explain`. argv[0] is the last word of the verb's name; each returns the exit
 * status. */

int verb_policy(int argc, char **argv);

int policy_allow(int argc, char **argv);
int policy_explain(int argc, char **argv);
