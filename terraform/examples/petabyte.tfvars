# A petabyte, with everything that a company may ask for: have the quota raised first, and the keys and the network made.
project = "my-project"
region  = "us-east4"
job     = "archive"
scale   = "petabyte"

quota = {
  vcpu       = 500
  memory_gib = 400
}

source_bucket = {
  name        = "archive.example.com"
  region      = "us-east-1"
  prefix      = "2016/"
  kms_key_arn = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
}

# A name with dots needs a distribution that reads as itself; `openssl pkey -in key.pem -pubout` prints this.
cdn = {
  route      = "cheapest"
  auth       = "signed-url"
  public_key = <<-EOT
    -----BEGIN PUBLIC KEY-----
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAELc3zwABrajOxm1tYypobBb8hCbHk
    4cTglo9RSgT9EiF1OyoIZSquQs7NfhoyB+0dk/oQCOjZx071Sgrb193xjw==
    -----END PUBLIC KEY-----
  EOT
}

destination_bucket = {
  name       = "my-archive-copy"
  location   = "us-east4"
  prefix     = ""
  versioning = true

  storage_class_map = {
    GLACIER_IR  = "COLDLINE"
    STANDARD_IA = "NEARLINE"
  }
}

kms_key_name = {
  destination = "projects/my-keys/locations/us-east4/keyRings/storage/cryptoKeys/objects"
  region      = "projects/my-keys/locations/us-east4/keyRings/storage/cryptoKeys/queue"
}

# Two addresses for each of 500 instances, twice while a new revision takes over: a /21.
network = {
  network    = "main"
  subnetwork = "functions-us-east4"
}

labels = {
  cost-centre = "4711"
  team        = "storage"
}

comparison = {
  delete_extras = "on"
  restore_tier  = "Bulk"
}

schedules = {
  delta     = "0 */6 * * *"
  verify    = "0 3 * * 0"
  time_zone = "America/New_York"
  paused    = false
}

replicate_callers = ["group:storage@example.com"]

alerts = {
  emails           = ["storage-team@example.com"]
  egress_gib_a_day = 102400
}
