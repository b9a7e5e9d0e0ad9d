# What modules/job takes, passed on as it is: types, defaults and rules are there, in its variables*.tf.

variable "alerts" {
  description = "Who is told, and when."
  type        = any
  default     = {}
}

variable "cdn" {
  description = "The way out of S3: route, authentication, a distribution of your own, prices."
  type        = any
  default     = {}
}

variable "comparison" {
  description = "The verifier: when it compares, what it deletes and restores."
  type        = any
  default     = {}
}

variable "deletion_protection" {
  description = "Whether taking the Firestore database, the destination and the reports away is refused."
  type        = bool
  default     = true
}

variable "destination_bucket" {
  description = "Where objects go: at least name and location."
  type        = any
}

variable "events" {
  description = "Whether S3's events are followed between the deltas."
  type        = any
  default     = {}
}

variable "filters" {
  description = "What the job leaves out."
  type        = any
  default     = {}
}

variable "functions" {
  description = "Size of each function where it is not that of `scale`."
  type        = any
  default     = {}
}

variable "job" {
  description = "Names everything that is made."
  type        = string
}

variable "kms_key_name" {
  description = "Keys of your own for buckets and topics."
  type        = any
  default     = {}
}

variable "labels" {
  description = "Labels, on AWS tags, of everything that is made."
  type        = map(string)
  default     = {}
}

variable "network" {
  description = "A network of yours for the way to Google's services; null for none."
  type        = any
  default     = null
}

variable "project" {
  description = "The id of the Google Cloud project."
  type        = string
}

variable "quota" {
  description = "What the project may take of the region, so that a plan that asks for more is refused."
  type        = any
  default     = {}
}

variable "region" {
  description = "Where the functions, the queue and Firestore are."
  type        = string
}

variable "replicate_callers" {
  description = "Who may ask for single objects."
  type        = list(string)
  default     = []
}

variable "scale" {
  description = "start, large or petabyte."
  type        = string
  default     = "start"
}

variable "schedules" {
  description = "When runs begin, once paused is false."
  type        = any
  default     = {}
}

variable "source_bucket" {
  description = "Where objects come from: at least name and region."
  type        = any
}

variable "tuning" {
  description = "What seldom needs to be touched."
  type        = any
  default     = {}
}
