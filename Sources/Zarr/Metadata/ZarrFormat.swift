package enum ZarrFormat: Int, Sendable {
  case v2 = 2
  case v3 = 3
}
