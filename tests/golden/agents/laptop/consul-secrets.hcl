acl {
  tokens {
    initial_management = "11111111-made-up"
  }
}
