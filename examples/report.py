"""A script that ends by itself: sums up a year of sales."""

import json


def main():
    sales = [{"day": day, "amount": day * 3 % 101} for day in range(365)]
    text = json.dumps(sales)
    total = sum(sale["amount"] for sale in json.loads(text))
    print("sold: %d" % total)


if __name__ == "__main__":
    main()
