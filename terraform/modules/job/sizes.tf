# How large the functions are, and what they take of a project.

locals {
  # How many instances each may have. `start` fits the quota of a new project, 20 vCPU a region and services of ten instances; `large` a
  # project that has 200; `petabyte` moves one in a day in simulation. What was refused to others, in the service's own words:
  # https://github.com/googlecodelabs/feedback/issues/1856 (CpuAllocPerProjectRegion allowed: 20000, MemAllocPerProjectRegion: 40 GiB)
  # https://github.com/firebase/firebase-tools/pull/5867 (maxScale may not exceed 10)
  # https://github.com/jspsych/datapipe/pull/238 (200 instances of one vCPU)
  scales = {
    start    = { lister = 4, transfer = 10, verifier = 4 }
    large    = { lister = 40, transfer = 120, verifier = 40 }
    petabyte = { lister = 100, transfer = 300, verifier = 100 }
  }

  # The transfer's are those of shared/domain/instance.py, where they are reckoned with how much an instance copies at a time.
  # memory: what an instance holds of objects (120 MiB, BYTES_IN_FLIGHT) and the interpreter with its libraries are half of it.
  usual = {
    lister   = { concurrency = 8, memory = "1Gi", topic = "list" }
    transfer = { concurrency = 6, memory = "512Mi", topic = "transfer" }
    verifier = { concurrency = 8, memory = "1Gi", topic = "verify" }
  }

  # BYTES_IN_FLIGHT, where nobody has set it, and what the transfer's memory holds beside the interpreter.
  bytes_in_flight = 125829120
  room_in_flight  = floor(local.memory_mib.transfer - 256) * 1048576

  functions = {
    for name, usual in local.usual : name => {
      concurrency   = coalesce(var.functions[name].concurrency, usual.concurrency)
      max_instances = coalesce(var.functions[name].max_instances, local.scales[var.scale][name])
      memory        = coalesce(var.functions[name].memory, usual.memory)
      topic         = usual.topic
    }
  }

  # An instance's memory is said in Mi or Gi.
  memory_mib = {
    for name, size in local.functions :
    name => tonumber(trimsuffix(trimsuffix(size.memory, "Gi"), "Mi")) * (endswith(size.memory, "Mi") ? 1 : 1024)
  }

  # What all of them together may take of a region: an instance has one vCPU.
  needed = {
    vcpu       = sum([for size in local.functions : size.max_instances])
    memory_gib = sum([for name, size in local.functions : size.max_instances * local.memory_mib[name] / 1024])
  }
}

check "quota" {
  assert {
    condition     = var.scale == "start" || var.quota.vcpu != null
    error_message = "scale = \"${var.scale}\" takes up to ${local.needed.vcpu} vCPU and ${local.needed.memory_gib} GiB of ${var.region}, and a new project has 20 vCPU and 40 GiB: have them raised before you apply (https://console.cloud.google.com/iam-admin/quotas?service=run.googleapis.com), and say in quota what the project has."
  }
}
