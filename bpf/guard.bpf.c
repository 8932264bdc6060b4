// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guard as BPF: programs on the kernel's security hooks. One object; the agent chooses before it
 * loads which programs there are to be, and whether they are attached as LSM programs or, where `bpf`
 * is not in the list of LSMs, as fmod_ret programs on the functions security_*().
 *
 * A program asks whether the operation is free for the task, which it is for nearly all; else it puts
 * together a struct kk_attempt and decides with abi/kakoi_decide.h.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "maps.h"
#include "subject.h"
#include "object.h"
#include "path.h"
#include "argv.h"
#include "judge.h"
#include "exec.h"
#include "tree.h"
#include "files.h"
#include "attributes.h"
#include "network.h"
#include "system.h"

char LICENSE[] SEC("license") = "GPL";
