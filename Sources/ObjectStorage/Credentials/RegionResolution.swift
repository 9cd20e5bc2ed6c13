/// Where the region comes from when no server said it yet.
package enum RegionResolution {
  /// `--region`, else `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's; nil where it must be discovered.
  /// `misconfigured` where the named profile is missing or a file cannot be read.
  package static func region(option: String?, _ context: CredentialContext) throws(StoreError) -> String? {
    if let option, !option.isEmpty { return option }
    if let region = context.variable("AWS_REGION") ?? context.variable("AWS_DEFAULT_REGION") { return region }
    return try AWSProfile.load(context)?["region"]
  }
}
