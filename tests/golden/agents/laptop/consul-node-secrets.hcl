acl {
  tokens {
    agent = "33333333-made-up"
  }
}
