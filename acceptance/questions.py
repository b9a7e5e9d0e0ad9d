"""All questions, in the order in which they are asked: later ones look at what earlier ones began."""

from acceptance import copying, edge, indexes, plan
from acceptance.answers import Question

QUESTIONS = (
    Question(
        "pushes arrive",
        "a function that is never called copies nothing, and no error says so",
        "one message on each topic of lister and verifier; the run that is named for it must appear",
        "see the subscription's push errors: the invoker's right on the service (roles/run.invoker), Pub/Sub's "
        "agent (roles/iam.serviceAccountOpenIdTokenCreator), and at the function's log for settings that it refuses",
        copying.pushes,
    ),
    Question(
        "every case ends as it should",
        "sizes, keys, classes and encryption that the authors could try on their own servers only",
        "the run's counts, against what was written",
        "`bucket-transfer failures PREFIX` says each key's reason, docs/errors.md what to do; with CloudFront's "
        "origin access control objects under AWS's own KMS key cannot be read: use a key of yours",
        copying.copies,
    ),
    Question(
        "the job's comparison agrees",
        "the verifier is what an operator believes later on",
        "a verify message without repair; its verdicts",
        "the report names the keys; compare with the next answer: one of the two comparisons is wrong",
        copying.verdicts,
    ),
    Question(
        "an independent comparison agrees",
        "proof that does not come from the code that copied",
        "boto3 and google-cloud-storage read every object on both sides: bytes, content type, metadata",
        "do not use the job; send the answers back",
        copying.arrived,
    ),
    Question(
        "a run leaves its report",
        "the end of a run, and the functions' rights on the report bucket",
        "a close message, then report.html of the comparison",
        "the verifier's log; its right to create objects in REPORT_BUCKET; REPORT_BUCKET itself",
        copying.reported,
    ),
    Question(
        "checksums come through the edge",
        "whether the distribution's own signature covers x-amz-checksum-mode is written nowhere; with it a copy is "
        "proven by S3's checksum, without it by the ETag",
        "a GET through the edge with the header, as the functions send it",
        "a 403: keep cdn.pass_x_amz = false (the ETag proves then); for sigv4: the distribution's origin request "
        "policy must be AllViewerExceptHostHeader",
        edge.checksum_header,
    ),
    Question(
        "errors come as they are documented",
        "what an error means (gone, changed, archived, no right) is read from its status and code",
        "a missing key, a range behind the end, another version, an archived object, a wrong signature",
        "send the answers back: shared/http/rules.py needs a rule. A 403 for a missing key: who reads may not list the "
        "bucket; with signed-url and public the bucket's policy must give CloudFront s3:ListBucket, too",
        edge.error_bodies,
    ),
    Question(
        "the edge keeps no errors",
        "a key that was missing, or an S3 that was busy, would stay so for every try within the time",
        "a missing key through the edge; then it is put, and asked for until it is found",
        "error_caching_min_ttl = 0 for each status that CloudFront keeps (terraform/modules/job/aws_cdn.tf)",
        edge.kept_errors,
    ),
    Question(
        "the edge keeps no objects",
        "an old version served costs a second request, straight to S3",
        "an object is read through the edge, replaced, and read again",
        "the cache policy must be CachingDisabled",
        edge.kept_objects,
    ),
    Question(
        "every query has its index",
        "a query without one fails, perhaps only at the end of a long run",
        "each query of the functions once, for a run that never was",
        "indexes may still be building: ask again in ten minutes; else the message has a link that makes it",
        indexes.every_query,
    ),
    Question(
        "the second plan is empty",
        "otherwise each apply changes what runs",
        "terraform plan -detailed-exitcode with TFVARS",
        "send the answers back: the lines name the resources",
        plan.second_plan,
    ),
)
