// two_numbers
